/*
 * The 9P codec on any bytes, in both dialects, with the payload in the message and apart.
 *
 * Oracle: ASan, UBSan; what was read lies within the input; and what decodes, encodes to the
 * same bytes.
 */
/* needs: libos/ninep/codec.c */
#include <stdlib.h>
#include <string.h>

#include "libos/ninep/message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(bool x)
{
	if (!x)
		abort();
}

static void round_trip(const uint8_t *in, uint32_t length, enum ninep_dialect d, const struct ninep_bytes *payload)
{
	struct ninep_message m;
	uint8_t *out;

	if (ninep_decode(&m, d, in, length, payload))
		return;
	out = malloc(length);
	expect(ninep_encode(&m, d, payload != NULL, out, length) == length);
	expect(memcmp(out, in, length) == 0);
	expect(ninep_encode(&m, d, payload != NULL, out, length - 1) == 0);
	free(out);
}

static void records(const uint8_t *in, uint32_t length)
{
	uint8_t *out = malloc(length + 1);
	struct ninep_dirent e;
	struct ninep_stat s;
	uint32_t n = ninep_dirent_get(&e, in, length);

	expect(n <= length);
	if (n)
		expect(ninep_dirent_put(&e, out, n) == n && memcmp(out, in, n) == 0);
	n = ninep_stat_get(&s, in, length);
	expect(n <= length);
	if (n)
		expect(ninep_stat_put(&s, out, n) == n && memcmp(out, in, n) == 0);
	free(out);
}

/* The first byte: dialect, whether the size is made right, how much of the end lies apart. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	enum ninep_dialect d;
	uint32_t length, apart;
	uint8_t *copy;

	if (size < 2 || size > 100000)
		return 0;
	length = (uint32_t)size - 1;
	copy = malloc(length);
	memcpy(copy, data + 1, length);
	d = data[0] & 1 ? NINEP_LINUX : NINEP_PLAIN;
	if (data[0] & 2 && length >= 4)
		ninep_put32(copy, length);
	records(copy, length);
	round_trip(copy, length, d, NULL);
	apart = (uint32_t)(data[0] >> 2) < length ? data[0] >> 2 : length - 1;
	if (apart)
		round_trip(copy, length - apart, d, &(struct ninep_bytes){ copy + length - apart, apart });
	free(copy);
	return 0;
}
