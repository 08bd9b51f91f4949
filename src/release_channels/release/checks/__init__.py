"""What the index would refuse, or what would break for a user, in the files of a release."""
