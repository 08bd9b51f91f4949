depth: int
