/* Ends with the status that it is given; without one, with 0. Says nothing, so it is the smallest process there is. */
#include <stdlib.h>

int main(int argc, char **argv) { return argc > 1 ? atoi(argv[1]) : 0; }
