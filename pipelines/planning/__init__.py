"""Plans: from a choice the user made to the shots that carry it out. Pure functions: no torch, no files, no clock."""
