"""Kinds of models that run here: tables of tokens, ONNX files of texts and of images."""
