"""What brings a project to two channels: the files, the services' settings, and the look at both."""
