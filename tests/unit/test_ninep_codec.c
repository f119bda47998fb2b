/*
 * The 9P codec: messages whose bytes are written out from the protocol's documents (Plan 9's
 * manual, section 5; diod's protocol.md), and what must be refused.
 *
 * Oracle: the bytes below, taken field by field from those documents; ASan.
 */
/* needs: libos/ninep/codec.c libos/ninep/error.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "libos/ninep/message.h"

/* Encodes to exactly these bytes, and these decode to what encodes to the same. */
static void same(const struct ninep_message *m, enum ninep_dialect d, const char *bytes, uint32_t length)
{
	uint8_t out[256], again[256];
	struct ninep_message read;

	assert_int_equal(ninep_encode(m, d, false, out, sizeof(out)), length);
	assert_memory_equal(out, bytes, length);
	assert_int_equal(ninep_decode(&read, d, (const uint8_t *)bytes, length, NULL), ERR_OK);
	assert_int_equal(read.type, m->type);
	assert_int_equal(read.tag, m->tag);
	assert_int_equal(ninep_encode(&read, d, false, again, sizeof(again)), length);
	assert_memory_equal(again, bytes, length);
	/* One byte less or more is no such message. */
	assert_int_equal(ninep_decode(&read, d, (const uint8_t *)bytes, length - 1, NULL), ERR_MESSAGE);
	assert_int_equal(ninep_encode(m, d, false, out, length - 1), 0);
}
#define SAME(m, d, bytes) same(m, d, bytes, sizeof(bytes) - 1)

static void version_and_attach(void **state)
{
	struct ninep_message m = { .type = NINEP_TVERSION, .tag = NINEP_NO_TAG };

	(void)state;
	m.tversion.msize = 8192;
	m.tversion.version = ninep_text("9P2000.L");
	SAME(&m, NINEP_LINUX,
	     "\x15\0\0\0\x64\xff\xff\x00\x20\0\0\x08\x00"
	     "9P2000.L");
	m = (struct ninep_message){ .type = NINEP_TATTACH, .tag = 1 };
	m.tattach.fid = 0;
	m.tattach.afid = NINEP_NO_FID;
	m.tattach.uname = ninep_text("me");
	m.tattach.aname = ninep_text("");
	m.tattach.n_uname = 1000;
	SAME(&m, NINEP_LINUX, "\x19\0\0\0\x68\x01\0\0\0\0\0\xff\xff\xff\xff\x02\0me\0\0\xe8\x03\0\0");
	SAME(&m, NINEP_PLAIN, "\x15\0\0\0\x68\x01\0\0\0\0\0\xff\xff\xff\xff\x02\0me\0\0");
	m = (struct ninep_message){ .type = NINEP_RATTACH, .tag = 1 };
	m.rattach.qid = (struct ninep_qid){ NINEP_QTDIR, 3, 0x1122334455667788 };
	SAME(&m, NINEP_LINUX, "\x14\0\0\0\x69\x01\0\x80\x03\0\0\0\x88\x77\x66\x55\x44\x33\x22\x11");
}

static void walk_read_write(void **state)
{
	struct ninep_message m = { .type = NINEP_TWALK, .tag = 2 };

	(void)state;
	m.twalk.fid = 0;
	m.twalk.newfid = 5;
	m.twalk.names = (struct ninep_names){ 2, { ninep_text("dev"), ninep_text("null") } };
	SAME(&m, NINEP_PLAIN, "\x1c\0\0\0\x6e\x02\0\0\0\0\0\x05\0\0\0\x02\0\x03\0dev\x04\0null");
	m = (struct ninep_message){ .type = NINEP_RWALK, .tag = 2 };
	m.rwalk.qids = (struct ninep_qids){ 1, { { 0, 1, 2 } } };
	SAME(&m, NINEP_PLAIN, "\x16\0\0\0\x6f\x02\0\x01\0\0\x01\0\0\0\x02\0\0\0\0\0\0\0");
	m = (struct ninep_message){ .type = NINEP_TREAD, .tag = 7 };
	m.tread.fid = 5;
	m.tread.offset = 0x100;
	m.tread.count = 4096;
	SAME(&m, NINEP_PLAIN, "\x17\0\0\0\x74\x07\0\x05\0\0\0\0\x01\0\0\0\0\0\0\0\x10\0\0");
	m = (struct ninep_message){ .type = NINEP_TWRITE, .tag = 7 };
	m.twrite.fid = 5;
	m.twrite.offset = 1;
	m.twrite.data = (struct ninep_bytes){ "hey", 3 };
	SAME(&m, NINEP_PLAIN, "\x1a\0\0\0\x76\x07\0\x05\0\0\0\x01\0\0\0\0\0\0\0\x03\0\0\0hey");
	m = (struct ninep_message){ .type = NINEP_RREAD, .tag = 7 };
	m.rread.data = (struct ninep_bytes){ "hey", 3 };
	SAME(&m, NINEP_PLAIN, "\x0e\0\0\0\x75\x07\0\x03\0\0\0hey");
	m = (struct ninep_message){ .type = NINEP_TFLUSH, .tag = 8 };
	m.tflush.oldtag = 7;
	SAME(&m, NINEP_PLAIN, "\x09\0\0\0\x6c\x08\0\x07\0");
	m = (struct ninep_message){ .type = NINEP_RERROR, .tag = 8 };
	m.rerror.ename = ninep_text("no");
	SAME(&m, NINEP_PLAIN, "\x0b\0\0\0\x6b\x08\0\x02\0no");
}

static void linux_messages(void **state)
{
	struct ninep_message m = { .type = NINEP_RLERROR, .tag = 9 };

	(void)state;
	m.rlerror.ecode = NINEP_ENOENT;
	SAME(&m, NINEP_LINUX, "\x0b\0\0\0\x07\x09\0\x02\0\0\0");
	m = (struct ninep_message){ .type = NINEP_TLCREATE, .tag = 9 };
	m.tlcreate.fid = 1;
	m.tlcreate.name = ninep_text("a");
	m.tlcreate.flags = 0x241;
	m.tlcreate.mode = 0644;
	m.tlcreate.gid = 0;
	SAME(&m, NINEP_LINUX, "\x1a\0\0\0\x0e\x09\0\x01\0\0\0\x01\0a\x41\x02\0\0\xa4\x01\0\0\0\0\0\0");
	m = (struct ninep_message){ .type = NINEP_TRENAMEAT, .tag = 9 };
	m.trenameat.fid = 1;
	m.trenameat.name = ninep_text("x");
	m.trenameat.newdirfid = 2;
	m.trenameat.newname = ninep_text("y");
	SAME(&m, NINEP_LINUX, "\x15\0\0\0\x4a\x09\0\x01\0\0\0\x01\0x\x02\0\0\0\x01\0y");
	m = (struct ninep_message){ .type = NINEP_TLOCK, .tag = 1 };
	m.tlock.fid = 1;
	m.tlock.type = 1;
	m.tlock.length = 2;
	m.tlock.proc_id = 3;
	m.tlock.client_id = ninep_text("h");
	SAME(&m, NINEP_LINUX,
	     "\x27\0\0\0\x34\x01\0\x01\0\0\0\x01\0\0\0\0\0\0\0\0\0\0\0\0\x02\0\0\0\0\0\0\0\x03\0\0\0\x01\0h");
	/* Rgetattr has 160 bytes: header 7, valid 8, qid 13, three words of 32 bits, fifteen of 64. */
	m = (struct ninep_message){ .type = NINEP_RGETATTR, .tag = 1 };
	m.rgetattr.data_version = 1;
	assert_int_equal(ninep_encode(&m, NINEP_LINUX, false, (uint8_t[200]){ 0 }, 200), 160);
}

static void records(void **state)
{
	struct ninep_dirent d = { { 0, 1, 2 }, 3, NINEP_DT_REG, ninep_text("f") }, e;
	struct ninep_stat s = { .mode = 0444,
				.length = 5,
				.name = ninep_text("f"),
				.uid = ninep_text("u"),
				.gid = ninep_text("g"),
				.muid = ninep_text("") },
			  t;
	uint8_t out[100];

	(void)state;
	assert_int_equal(ninep_dirent_put(&d, out, sizeof(out)), 25);
	assert_memory_equal(out, "\0\x01\0\0\0\x02\0\0\0\0\0\0\0\x03\0\0\0\0\0\0\0\x08\x01\0f", 25);
	assert_int_equal(ninep_dirent_get(&e, out, 25), 25);
	assert_true(ninep_text_is(e.name, "f") && e.offset == 3);
	assert_int_equal(ninep_dirent_get(&e, out, 24), 0);
	assert_int_equal(ninep_dirent_put(&d, out, 24), 0);
	/* size 2; type 2, dev 4, qid 13, mode 4, times 8, length 8, and four texts of 2 bytes and theirs */
	assert_int_equal(ninep_stat_put(&s, out, sizeof(out)), 2 + 39 + 8 + 3);
	assert_int_equal(out[0], 50);
	assert_int_equal(ninep_stat_get(&t, out, 52), 52);
	assert_true(ninep_text_is(t.uid, "u") && t.length == 5);
	assert_int_equal(ninep_stat_get(&t, out, 51), 0);
	out[0] = 49;
	assert_int_equal(ninep_stat_get(&t, out, 52), 0);
}

static err_t decode(const char *bytes, uint32_t length, struct ninep_message *m)
{
	/* On the heap, so that ASan sees a byte too far. */
	uint8_t *copy = malloc(length ? length : 1);
	err_t err;

	memcpy(copy, bytes, length);
	err = ninep_decode(m, NINEP_LINUX, copy, length, NULL);
	free(copy);
	return err;
}
#define DECODE(bytes, m) decode(bytes, sizeof(bytes) - 1, m)

static void malformed(void **state)
{
	struct ninep_message m;
	char walk[17 + 17 * 3];

	(void)state;
	assert_int_equal(DECODE("\x07\0\0\0\x73\x01", &m), ERR_MESSAGE);
	assert_int_equal(m.tag, NINEP_NO_TAG);
	assert_int_equal(DECODE("\x07\0\0\0\xc8\x01\0", &m), ERR_UNSUPPORTED); /* no such type */
	assert_int_equal(m.tag, 1);
	assert_int_equal(DECODE("\x07\0\0\0\x6a\x01\0", &m), ERR_UNSUPPORTED);      /* Terror */
	assert_int_equal(DECODE("\x08\0\0\0\x79\x01\0", &m), ERR_MESSAGE);          /* says more than it is */
	assert_int_equal(DECODE("\x0b\0\0\0\x6b\x08\0\x03\0no", &m), ERR_MESSAGE);  /* a text that is too long */
	assert_int_equal(DECODE("\x0b\0\0\0\x6b\x08\0\x02\0n\0", &m), ERR_MESSAGE); /* a NUL in it */
	assert_int_equal(DECODE("\x0e\0\0\0\x75\x07\0\x04\0\0\0hey", &m), ERR_MESSAGE);
	assert_int_equal(DECODE("\x0e\0\0\0\x75\x07\0\xff\xff\xff\xffhey", &m), ERR_MESSAGE);
	memset(walk, 0, sizeof(walk));
	memcpy(walk, "\x44\0\0\0\x6e\x05\0\0\0\0\0\x01\0\0\0\x11\0", 17);
	for (unsigned i = 0; i < 17; i++)
		memcpy(walk + 17 + 3 * i, "\x01\0x", 3);
	assert_int_equal(decode(walk, sizeof(walk), &m), ERR_MESSAGE); /* 17 names */
	assert_int_equal(m.tag, 5);
}

static void payload_apart(void **state)
{
	static const char payload[5000];
	struct ninep_message m = { .type = NINEP_TWRITE, .tag = 3 }, read;
	struct ninep_bytes apart = { payload, sizeof(payload) };
	uint8_t out[64];

	(void)state;
	m.twrite.data = apart;
	assert_int_equal(ninep_encode(&m, NINEP_LINUX, true, out, sizeof(out)), NINEP_PAYLOAD_HEAD);
	assert_int_equal(ninep_get32(out), NINEP_PAYLOAD_HEAD + sizeof(payload));
	assert_int_equal(ninep_decode(&read, NINEP_LINUX, out, NINEP_PAYLOAD_HEAD, &apart), ERR_OK);
	assert_ptr_equal(read.twrite.data.at, payload);
	/* A count that is not the buffer's, or a payload where there is none. */
	apart.length--;
	assert_int_equal(ninep_decode(&read, NINEP_LINUX, out, NINEP_PAYLOAD_HEAD, &apart), ERR_MESSAGE);
	memcpy(out, "\x0c\x00\0\0\x78\x01\0\x01\0\0\0", 11);
	apart.length = 1;
	assert_int_equal(ninep_decode(&read, NINEP_LINUX, out, 11, &apart), ERR_MESSAGE);
}

static void errors(void **state)
{
	(void)state;
	assert_string_equal(ninep_error_text(NINEP_ENOENT), "file not found");
	assert_int_equal(ninep_error_number("permission denied", 17), NINEP_EACCES);
	assert_int_equal(ninep_error_number("permission denied", 16), NINEP_EIO);
	assert_int_equal(ninep_error_of(ERR_CLOSED), 104);
	assert_int_equal(ninep_error_of(ERR_ELF_FORMAT), NINEP_EIO);
	assert_string_equal(ninep_type_name(NINEP_TWALK), "TWALK");
	assert_string_equal(ninep_type_name(300), "unknown");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(version_and_attach),
		cmocka_unit_test(walk_read_write),
		cmocka_unit_test(linux_messages),
		cmocka_unit_test(records),
		cmocka_unit_test(malformed),
		cmocka_unit_test(payload_apart),
		cmocka_unit_test(errors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
