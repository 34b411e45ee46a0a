package rooms

const childDir = "ROOMS_TEST_CHILD_DIR"

func joinUntilKilled(dir string) {}
