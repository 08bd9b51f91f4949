"""What a release is rehearsed and tested with: stand-ins for the world outside. The product imports none of it."""
