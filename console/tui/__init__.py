"""The console: screens and widgets over `console.actions`. Nothing here knows how a run is carried out."""
