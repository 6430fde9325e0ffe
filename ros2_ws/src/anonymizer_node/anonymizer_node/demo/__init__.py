"""The main job on real pictures, start to end, with a page to look at."""
