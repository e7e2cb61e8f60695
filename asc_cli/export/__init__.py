"""Models taken elsewhere: one ONNX file that hears samples, or a folder to publish."""
