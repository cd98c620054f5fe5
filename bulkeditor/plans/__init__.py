"""Plans: see what will change, apply it where the world still is what was seen, take it back."""
