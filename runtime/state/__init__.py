"""Raw state: fixed-point lattices, lifting, what begins and ends with a known value, checksums."""
