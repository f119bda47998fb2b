/*
 * page [scheme=NAME]: a member of the page service. docs/page.md.
 */
#include "services/page/page.h"

int main(int argc, char **argv) { return page_main(argc, argv); }
