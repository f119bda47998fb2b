/*
 * Linked in front of the CPU driver, it makes one in which nothing lies where it did:
 * tests/boot/islands.py has that take over from the usual one.
 */
const char other_constants[500] = { 1 };
char other_data[100] = { 1 };
char other_zeros[5000];

int other_text(int x);

int other_text(int x)
{
	static const int factor[] = { 3, 5, 7, 11, 13 };

	for (unsigned i = 0; i < sizeof factor / sizeof *factor; i++)
		x = x * factor[i] + other_data[i] + other_constants[i];
	return x;
}
