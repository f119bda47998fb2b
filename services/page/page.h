/*
 * A member of the page service.
 */
#pragma once

/* The program. */
int page_main(int argc, char **argv);
