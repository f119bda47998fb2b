/* needs: services/gdb/packet.c */
/* GDB's packets: frames are taken out of whatever comes, and made. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "services/gdb/packet.h"

static struct packet_reader reader;

/* The event of the last byte. */
static enum packet_event take(const char *bytes, size_t length)
{
	enum packet_event e = PACKET_NONE;

	for (size_t i = 0; i < length; i++)
		e = packet_take(&reader, bytes[i]);
	return e;
}

#define TAKE(text) take(text, sizeof(text) - 1)

static void whole(void **state)
{
	(void)state;
	assert_int_equal(TAKE("+noise$g#67"), PACKET_WHOLE);
	assert_string_equal(reader.text, "g");
	assert_int_equal(TAKE("$#00"), PACKET_WHOLE);
	assert_int_equal(reader.length, 0);
	assert_int_equal(TAKE("\x03"), PACKET_BREAK);
	assert_int_equal(TAKE("-"), PACKET_AGAIN);
}

static void bad(void **state)
{
	(void)state;
	assert_int_equal(TAKE("$g#68"), PACKET_BAD);
	assert_int_equal(TAKE("$g#xx"), PACKET_NONE); /* refused at the first digit; the second is noise */
	assert_int_equal(TAKE("$g#"), PACKET_NONE);
	assert_int_equal(TAKE("6"), PACKET_NONE);
	assert_int_equal(TAKE("7"), PACKET_WHOLE);
	/* An interrupt byte within a packet is text. */
	assert_int_equal(TAKE("$\x03#03"), PACKET_WHOLE);
}

static void too_long(void **state)
{
	uint8_t sum = 0;

	(void)state;
	TAKE("$");
	for (unsigned i = 0; i < PACKET_MOST + 1; i++) {
		assert_int_equal(TAKE("a"), PACKET_NONE);
		sum += 'a';
	}
	TAKE("#");
	take(&"0123456789abcdef"[sum >> 4], 1);
	assert_int_equal(take(&"0123456789abcdef"[sum & 15], 1), PACKET_BAD);
	assert_int_equal(TAKE("$g#67"), PACKET_WHOLE);
}

/* What is framed comes out again, whatever it is. */
static void framed(void **state)
{
	char text[256], frame[2 * sizeof text + 4];
	size_t length;

	(void)state;
	for (unsigned i = 0; i < sizeof text; i++)
		text[i] = (char)i;
	length = packet_frame(text, sizeof text, frame);
	assert_int_equal(take(frame, length), PACKET_WHOLE);
	assert_int_equal(reader.length, sizeof text);
	assert_memory_equal(reader.text, text, sizeof text);
}

static void hexadecimal(void **state)
{
	const char *at = "4fF,", *none = ",", *large = "10000000000000000";
	uint64_t value;
	uint8_t bytes[2];
	char digits[5];

	(void)state;
	assert_true(hex_take(&at, &value) && value == 0x4ff && *at == ',');
	assert_false(hex_take(&none, &value));
	assert_false(hex_take(&large, &value));
	assert_true(hex_bytes_take("0aF0", bytes, 2) && bytes[0] == 0x0a && bytes[1] == 0xf0);
	assert_false(hex_bytes_take("0aF", bytes, 2));
	hex_bytes_put(digits, bytes, 2);
	assert_string_equal(digits, "0af0");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole),  cmocka_unit_test(bad),         cmocka_unit_test(too_long),
		cmocka_unit_test(framed), cmocka_unit_test(hexadecimal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
