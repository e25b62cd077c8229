"""What keeps the documentation true: the pictures are made from the running program, and the README is checked."""
