"""By which figures runs of each station kind are judged: one file a kind, named as the kind."""
