/*
 * 9P messages: the one table of types and fields, and what it looks like in memory.
 *
 * 9P2000 (Plan 9's manual, section 5) and 9P2000.L (diod's protocol.md, Linux's v9fs), and
 * ours: Tready, answered when one of those events holds for an open file; Tpass, Ttake, Tseek, Tflags for open
 * files that several clients share (share.c); Twalkopen and Twalkattr, a walk with what mostly follows it, and Tdrop, a
 * clunk that is not answered; Tsession, which goes on with what a client had at a server that has died; Tmap, for the
 * memory that has a file's bytes, and Tsettle, for what was stored there: between those who have agreed on version
 * NINEP_OURS. On the wire a message is size[4] type[1] tag[2] and its fields, all little-endian, a text
 * length[2] and its bytes. NINEP_MESSAGES names every field once: from it come the structs, the
 * encoder and the decoder (codec.c). Nothing is allocated or copied: texts, payloads and stat
 * records point into the message they came in, and are not to be used after it.
 *
 * A payload may lie apart from its message, where the transport left it (bulk memory): then
 * it is memory that the peer can change at any time, and what one parses one copies first.
 */
#pragma once

#include "kernel/abi/types.h"
#include "libos/ninep/error.h"

#define NINEP_HEADER 7 /* size, type, tag */
#define NINEP_NAMES 16 /* of a walk */
#define NINEP_QID_BYTES 13
#define NINEP_NO_TAG 0xffffu
#define NINEP_NO_FID 0xffffffffu
#define NINEP_PAYLOAD_HEAD 23 /* the longest header before a payload: Twrite's */
#define NINEP_IO_HEAD 24      /* ... that clients leave room for: others' servers refuse a longer payload (IOHDRSZ) */
#define NINEP_MSIZE_LEAST 4096
#define NINEP_OURS "9P2000.L.skerry"           /* others take it for 9P2000.L */
#define NINEP_OURS_KEPT "9P2000.L.skerry.kept" /* ... from a server that keeps sessions (log.h) */
#define NINEP_HERE UINT64_MAX                  /* as an offset: that of the open file, which is shared */
/* Of Tseek. */
#define NINEP_SEEK_SET 0u
#define NINEP_SEEK_HERE 1u
#define NINEP_SEEK_END 2u

enum ninep_dialect { NINEP_PLAIN, NINEP_LINUX };

/* What a file is: qid type, the upper byte of 9P2000's mode. */
#define NINEP_QTDIR 0x80u
#define NINEP_QTSYMLINK 0x02u
#define NINEP_QTFILE 0x00u

struct ninep_qid {
	uint8_t type;
	uint32_t version; /* 0: not to be cached */
	uint64_t path;    /* one for each file, for good */
};

/* A text without a NUL, as in the message. */
struct ninep_text {
	const char *at;
	uint16_t length;
};

/* A payload, after its count[4]; a 9P2000 stat record, after its n[2]. */
struct ninep_bytes {
	const void *at;
	uint32_t length;
};

struct ninep_names {
	uint16_t count;
	struct ninep_text name[NINEP_NAMES];
};

struct ninep_qids {
	uint16_t count;
	struct ninep_qid qid[NINEP_NAMES];
};

/* Kinds of fields. N32 is n_uname, which 9P2000 does not have. */
#define NINEP_TYPE_U8 uint8_t
#define NINEP_TYPE_U16 uint16_t
#define NINEP_TYPE_U32 uint32_t
#define NINEP_TYPE_U64 uint64_t
#define NINEP_TYPE_N32 uint32_t
#define NINEP_TYPE_TEXT struct ninep_text
#define NINEP_TYPE_QID struct ninep_qid
#define NINEP_TYPE_DATA struct ninep_bytes
#define NINEP_TYPE_STAT struct ninep_bytes
#define NINEP_TYPE_NAMES struct ninep_names
#define NINEP_TYPE_QIDS struct ninep_qids

/*
 * M(number, NAME, member, fields); a field is F(member, kind, name). clang-format off: one
 * line is one message.
 */
/* clang-format off */
/* Those that most calls of programs are made of: their codec is straight code, the others' goes by tables. */
#define NINEP_HOT_MESSAGES(M, F) \
	M(7, RLERROR, rlerror, F(rlerror, U32, ecode)) \
	M(92, TWALKOPEN, twalkopen, F(twalkopen, U32, fid) F(twalkopen, U32, newfid) \
	  F(twalkopen, U32, flags) F(twalkopen, U32, drop) F(twalkopen, NAMES, names)) \
	M(93, RWALKOPEN, rwalkopen, F(rwalkopen, QID, qid)) \
	M(94, TWALKATTR, twalkattr, F(twalkattr, U32, fid) F(twalkattr, U32, drop) F(twalkattr, NAMES, names)) \
	M(95, RWALKATTR, rwalkattr, F(rwalkattr, QID, qid) F(rwalkattr, U32, mode) F(rwalkattr, U32, uid) \
	  F(rwalkattr, U32, gid) F(rwalkattr, U32, nlink) F(rwalkattr, U64, rdev) F(rwalkattr, U64, size) \
	  F(rwalkattr, U32, blksize) F(rwalkattr, U64, blocks) F(rwalkattr, U64, atime_sec) \
	  F(rwalkattr, U32, atime_nsec) F(rwalkattr, U64, mtime_sec) F(rwalkattr, U32, mtime_nsec) \
	  F(rwalkattr, U64, ctime_sec) F(rwalkattr, U32, ctime_nsec)) \
	M(116, TREAD, tread, F(tread, U32, fid) F(tread, U64, offset) F(tread, U32, count)) \
	M(117, RREAD, rread, F(rread, DATA, data)) \
	M(118, TWRITE, twrite, F(twrite, U32, fid) F(twrite, U64, offset) F(twrite, DATA, data)) \
	M(119, RWRITE, rwrite, F(rwrite, U32, count))
#define NINEP_OTHER_MESSAGES(M, F) \
	M(8, TSTATFS, tstatfs, F(tstatfs, U32, fid)) \
	M(9, RSTATFS, rstatfs, F(rstatfs, U32, type) F(rstatfs, U32, bsize) F(rstatfs, U64, blocks) \
	  F(rstatfs, U64, bfree) F(rstatfs, U64, bavail) F(rstatfs, U64, files) F(rstatfs, U64, ffree) \
	  F(rstatfs, U64, fsid) F(rstatfs, U32, namelen)) \
	M(12, TLOPEN, tlopen, F(tlopen, U32, fid) F(tlopen, U32, flags)) \
	M(13, RLOPEN, rlopen, F(rlopen, QID, qid) F(rlopen, U32, iounit)) \
	M(14, TLCREATE, tlcreate, F(tlcreate, U32, fid) F(tlcreate, TEXT, name) F(tlcreate, U32, flags) \
	  F(tlcreate, U32, mode) F(tlcreate, U32, gid)) \
	M(15, RLCREATE, rlcreate, F(rlcreate, QID, qid) F(rlcreate, U32, iounit)) \
	M(16, TSYMLINK, tsymlink, F(tsymlink, U32, fid) F(tsymlink, TEXT, name) \
	  F(tsymlink, TEXT, target) F(tsymlink, U32, gid)) \
	M(17, RSYMLINK, rsymlink, F(rsymlink, QID, qid)) \
	M(18, TMKNOD, tmknod, F(tmknod, U32, fid) F(tmknod, TEXT, name) F(tmknod, U32, mode) \
	  F(tmknod, U32, major) F(tmknod, U32, minor) F(tmknod, U32, gid)) \
	M(19, RMKNOD, rmknod, F(rmknod, QID, qid)) \
	M(20, TRENAME, trename, F(trename, U32, fid) F(trename, U32, dirfid) F(trename, TEXT, name)) \
	M(21, RRENAME, rrename, ) \
	M(22, TREADLINK, treadlink, F(treadlink, U32, fid)) \
	M(23, RREADLINK, rreadlink, F(rreadlink, TEXT, target)) \
	M(24, TGETATTR, tgetattr, F(tgetattr, U32, fid) F(tgetattr, U64, mask)) \
	M(25, RGETATTR, rgetattr, F(rgetattr, U64, valid) F(rgetattr, QID, qid) F(rgetattr, U32, mode) \
	  F(rgetattr, U32, uid) F(rgetattr, U32, gid) F(rgetattr, U64, nlink) F(rgetattr, U64, rdev) \
	  F(rgetattr, U64, size) F(rgetattr, U64, blksize) F(rgetattr, U64, blocks) \
	  F(rgetattr, U64, atime_sec) F(rgetattr, U64, atime_nsec) F(rgetattr, U64, mtime_sec) \
	  F(rgetattr, U64, mtime_nsec) F(rgetattr, U64, ctime_sec) F(rgetattr, U64, ctime_nsec) \
	  F(rgetattr, U64, btime_sec) F(rgetattr, U64, btime_nsec) F(rgetattr, U64, gen) \
	  F(rgetattr, U64, data_version)) \
	M(26, TSETATTR, tsetattr, F(tsetattr, U32, fid) F(tsetattr, U32, valid) F(tsetattr, U32, mode) \
	  F(tsetattr, U32, uid) F(tsetattr, U32, gid) F(tsetattr, U64, size) F(tsetattr, U64, atime_sec) \
	  F(tsetattr, U64, atime_nsec) F(tsetattr, U64, mtime_sec) F(tsetattr, U64, mtime_nsec)) \
	M(27, RSETATTR, rsetattr, ) \
	M(30, TXATTRWALK, txattrwalk, F(txattrwalk, U32, fid) F(txattrwalk, U32, newfid) \
	  F(txattrwalk, TEXT, name)) \
	M(31, RXATTRWALK, rxattrwalk, F(rxattrwalk, U64, size)) \
	M(32, TXATTRCREATE, txattrcreate, F(txattrcreate, U32, fid) F(txattrcreate, TEXT, name) \
	  F(txattrcreate, U64, size) F(txattrcreate, U32, flags)) \
	M(33, RXATTRCREATE, rxattrcreate, ) \
	M(40, TREADDIR, treaddir, F(treaddir, U32, fid) F(treaddir, U64, offset) \
	  F(treaddir, U32, count)) \
	M(41, RREADDIR, rreaddir, F(rreaddir, DATA, data)) \
	M(50, TFSYNC, tfsync, F(tfsync, U32, fid) F(tfsync, U32, datasync)) \
	M(51, RFSYNC, rfsync, ) \
	M(52, TLOCK, tlock, F(tlock, U32, fid) F(tlock, U8, type) F(tlock, U32, flags) \
	  F(tlock, U64, start) F(tlock, U64, length) F(tlock, U32, proc_id) F(tlock, TEXT, client_id)) \
	M(53, RLOCK, rlock, F(rlock, U8, status)) \
	M(54, TGETLOCK, tgetlock, F(tgetlock, U32, fid) F(tgetlock, U8, type) F(tgetlock, U64, start) \
	  F(tgetlock, U64, length) F(tgetlock, U32, proc_id) F(tgetlock, TEXT, client_id)) \
	M(55, RGETLOCK, rgetlock, F(rgetlock, U8, type) F(rgetlock, U64, start) F(rgetlock, U64, length) \
	  F(rgetlock, U32, proc_id) F(rgetlock, TEXT, client_id)) \
	M(60, TSESSION, tsession, F(tsession, U64, high) F(tsession, U64, low) F(tsession, DATA, fids)) \
	M(61, RSESSION, rsession, F(rsession, U64, high) F(rsession, U64, low)) \
	M(62, TMAP, tmap, F(tmap, U32, fid) F(tmap, U64, offset) F(tmap, U32, how)) \
	M(63, RMAP, rmap, F(rmap, U64, ticket) F(rmap, U64, size)) \
	M(64, TSETTLE, tsettle, F(tsettle, U32, fid) F(tsettle, U64, offset) F(tsettle, U64, count)) \
	M(65, RSETTLE, rsettle, ) \
	M(70, TLINK, tlink, F(tlink, U32, dirfid) F(tlink, U32, fid) F(tlink, TEXT, name)) \
	M(71, RLINK, rlink, ) \
	M(72, TMKDIR, tmkdir, F(tmkdir, U32, fid) F(tmkdir, TEXT, name) F(tmkdir, U32, mode) \
	  F(tmkdir, U32, gid)) \
	M(73, RMKDIR, rmkdir, F(rmkdir, QID, qid)) \
	M(74, TRENAMEAT, trenameat, F(trenameat, U32, fid) F(trenameat, TEXT, name) \
	  F(trenameat, U32, newdirfid) F(trenameat, TEXT, newname)) \
	M(75, RRENAMEAT, rrenameat, ) \
	M(76, TUNLINKAT, tunlinkat, F(tunlinkat, U32, fid) F(tunlinkat, TEXT, name) \
	  F(tunlinkat, U32, flags)) \
	M(77, RUNLINKAT, runlinkat, ) \
	M(80, TREADY, tready, F(tready, U32, fid) F(tready, U32, events)) \
	M(81, RREADY, rready, F(rready, U32, events)) \
	M(82, TPASS, tpass, F(tpass, U32, fid) F(tpass, U64, offset)) \
	M(83, RPASS, rpass, F(rpass, U64, high) F(rpass, U64, low)) \
	M(84, TTAKE, ttake, F(ttake, U32, newfid) F(ttake, U64, high) F(ttake, U64, low)) \
	M(85, RTAKE, rtake, F(rtake, QID, qid)) \
	M(86, TSEEK, tseek, F(tseek, U32, fid) F(tseek, U64, offset) F(tseek, U32, whence)) \
	M(87, RSEEK, rseek, F(rseek, U64, offset)) \
	M(88, TFLAGS, tflags, F(tflags, U32, fid) F(tflags, U32, flags)) \
	M(89, RFLAGS, rflags, ) \
	M(90, TDROP, tdrop, F(tdrop, U32, fid)) \
	M(96, TRING, tring, F(tring, U32, fid) F(tring, U64, ticket)) \
	M(97, RRING, rring, F(rring, U64, ticket) F(rring, U32, serial) F(rring, U8, direct)) \
	M(98, TPEER, tpeer, F(tpeer, U32, fid) F(tpeer, U32, number)) \
	M(99, RPEER, rpeer, F(rpeer, U64, ticket)) \
	M(78, TPOKE, tpoke, F(tpoke, U32, fid) F(tpoke, U64, sleepers)) \
	M(100, TVERSION, tversion, F(tversion, U32, msize) F(tversion, TEXT, version)) \
	M(101, RVERSION, rversion, F(rversion, U32, msize) F(rversion, TEXT, version)) \
	M(102, TAUTH, tauth, F(tauth, U32, afid) F(tauth, TEXT, uname) F(tauth, TEXT, aname) \
	  F(tauth, N32, n_uname)) \
	M(103, RAUTH, rauth, F(rauth, QID, qid)) \
	M(104, TATTACH, tattach, F(tattach, U32, fid) F(tattach, U32, afid) F(tattach, TEXT, uname) \
	  F(tattach, TEXT, aname) F(tattach, N32, n_uname)) \
	M(105, RATTACH, rattach, F(rattach, QID, qid)) \
	M(107, RERROR, rerror, F(rerror, TEXT, ename)) \
	M(108, TFLUSH, tflush, F(tflush, U16, oldtag)) \
	M(109, RFLUSH, rflush, ) \
	M(110, TWALK, twalk, F(twalk, U32, fid) F(twalk, U32, newfid) F(twalk, NAMES, names)) \
	M(111, RWALK, rwalk, F(rwalk, QIDS, qids)) \
	M(112, TOPEN, topen, F(topen, U32, fid) F(topen, U8, mode)) \
	M(113, ROPEN, ropen, F(ropen, QID, qid) F(ropen, U32, iounit)) \
	M(114, TCREATE, tcreate, F(tcreate, U32, fid) F(tcreate, TEXT, name) F(tcreate, U32, perm) \
	  F(tcreate, U8, mode)) \
	M(115, RCREATE, rcreate, F(rcreate, QID, qid) F(rcreate, U32, iounit)) \
	M(120, TCLUNK, tclunk, F(tclunk, U32, fid)) \
	M(121, RCLUNK, rclunk, ) \
	M(122, TREMOVE, tremove, F(tremove, U32, fid)) \
	M(123, RREMOVE, rremove, ) \
	M(124, TSTAT, tstat, F(tstat, U32, fid)) \
	M(125, RSTAT, rstat, F(rstat, STAT, stat)) \
	M(126, TWSTAT, twstat, F(twstat, U32, fid) F(twstat, STAT, stat)) \
	M(127, RWSTAT, rwstat, )
#define NINEP_MESSAGES(M, F) NINEP_HOT_MESSAGES(M, F) NINEP_OTHER_MESSAGES(M, F)

enum ninep_type {
#define NINEP_ENUM(number, NAME, member, fields) NINEP_##NAME = number,
	NINEP_MESSAGES(NINEP_ENUM, )
#undef NINEP_ENUM
	NINEP_TYPES = 128
};
/* clang-format on */

struct ninep_message {
	uint8_t type;
	uint16_t tag;
	union {
#define NINEP_MEMBER(member, kind, name) NINEP_TYPE_##kind name;
#define NINEP_STRUCT(number, NAME, member, fields) \
	struct {                                   \
		fields                             \
	} member;
		NINEP_MESSAGES(NINEP_STRUCT, NINEP_MEMBER)
#undef NINEP_STRUCT
#undef NINEP_MEMBER
	};
};

/*
 * Writes the message into `out` of `room` bytes; its length, or 0 when it does not fit or there is no such type.
 * With `apart` a payload is not copied: the size says it is there, and what was written ends before it.
 */
uint32_t ninep_encode(const struct ninep_message *m, enum ninep_dialect dialect, bool apart, uint8_t *out,
		      uint32_t room);

/*
 * Reads a message of `length` bytes, which its size must be. With `payload` what follows the count of a payload is
 * there and not in `in`; its length must be the rest of the size. ERR_UNSUPPORTED: no such type; ERR_MESSAGE:
 * malformed; type and tag are set also then, if there are as many bytes (else 0 and NINEP_NO_TAG).
 */
err_t ninep_decode(struct ninep_message *m, enum ninep_dialect dialect, const uint8_t *in, uint32_t length,
		   const struct ninep_bytes *payload);

/* --- records within payloads ------------------------------------------------------------------ */

/* What 9P2000 tells of a file: the record of Rstat, Twstat and reads of directories, without its size[2]. */
struct ninep_stat {
	uint16_t type;
	uint32_t dev;
	struct ninep_qid qid;
	uint32_t mode, atime, mtime;
	uint64_t length;
	struct ninep_text name, uid, gid, muid;
};

/* One entry of Rreaddir; `offset` is where the next one starts, for Treaddir. */
struct ninep_dirent {
	struct ninep_qid qid;
	uint64_t offset;
	uint8_t type; /* DT_DIR, DT_REG, ... */
	struct ninep_text name;
};

#define NINEP_DT_FIFO 1
#define NINEP_DT_CHR 2
#define NINEP_DT_DIR 4
#define NINEP_DT_REG 8
#define NINEP_DT_LNK 10

/* Write one, with its size[2]; its length, or 0 when it does not fit. */
uint32_t ninep_stat_put(const struct ninep_stat *s, void *out, uint32_t room);
uint32_t ninep_dirent_put(const struct ninep_dirent *d, void *out, uint32_t room);
/* Read the first one in `length` bytes; how long it is, or 0 when there is no whole and sound one. */
uint32_t ninep_stat_get(struct ninep_stat *s, const void *in, uint32_t length);
uint32_t ninep_dirent_get(struct ninep_dirent *d, const void *in, uint32_t length);

/* "TWALK"; "unknown" */
const char *ninep_type_name(unsigned type);

static inline uint32_t ninep_get32(const uint8_t *at)
{
	uint32_t v;

	__builtin_memcpy(&v, at, sizeof(v));
	return v;
}

static inline void ninep_put32(uint8_t *at, uint32_t v) { __builtin_memcpy(at, &v, sizeof(v)); }

static inline struct ninep_text ninep_text(const char *s)
{
	size_t n = __builtin_strlen(s);

	return (struct ninep_text){ s, n > UINT16_MAX ? UINT16_MAX : (uint16_t)n };
}

/* Is it that one? */
static inline bool ninep_text_is(struct ninep_text t, const char *s)
{
	return __builtin_strlen(s) == t.length && __builtin_memcmp(s, t.at, t.length) == 0;
}
