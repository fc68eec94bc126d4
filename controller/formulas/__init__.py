"""What a recipe of each station kind may say: one file a kind, named as the kind."""
