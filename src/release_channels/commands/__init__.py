"""What a maintainer does by hand: each task reads the world, plans, shows, acts, and reads again."""
