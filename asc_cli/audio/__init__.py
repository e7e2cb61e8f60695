"""Recordings → mono float32 samples: decoding, hashing, the files a user names, microphones."""
