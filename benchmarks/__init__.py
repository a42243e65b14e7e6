"""What `manage.py bench` runs: each figure is a ratio of two things measured in one run, side by side."""
