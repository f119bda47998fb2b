/* Where a program begins: its main, which the Makefile renames, under the name that the loader asks for. */
int program_main(int argc, char **argv);
int fleet_entry(int argc, char **argv) __attribute__((visibility("default")));

int fleet_entry(int argc, char **argv) { return program_main(argc, argv); }
