"""Pages and charts as text, without torch: one HTML shell, one writer of SVG."""
