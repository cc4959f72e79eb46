"""What the exporter is made of: an inventory (`make sbom`), and what is known against it (`make audit`)."""
