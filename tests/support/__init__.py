"""What tests share: repositories, projects, an upstream index."""
