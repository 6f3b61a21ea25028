"""The build steps that every Bento gets, one a file; they come as offers of the built-in plugin."""
