"""Virtual environments made of a Bento's lock, for `jubako serve --isolated`: what they are made of, where, and how."""
