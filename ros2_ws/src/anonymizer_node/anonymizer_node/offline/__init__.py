"""Jobs over recordings."""
