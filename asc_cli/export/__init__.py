"""Export of models: one ONNX file, waveform in, probabilities out; or a folder to publish."""
