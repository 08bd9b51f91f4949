"""What a project needs to adopt the tool: init, doctor, setup-publishing, install-commands, workflow templates."""
