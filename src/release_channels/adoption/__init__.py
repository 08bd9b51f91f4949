"""What a project gets when it adopts the tool: its workflow files, and the rules that they keep."""
