"""What an editor asks of a spec, without torch; `server` alone speaks the protocol."""
