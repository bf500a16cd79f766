"""What may move, who says so, and on what proof."""
