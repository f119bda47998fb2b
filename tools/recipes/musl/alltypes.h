/*
 * What musl's headers ask for by __NEED_x, here out of newlib's and our own headers.
 */
#ifndef _SKERRY_BITS_ALLTYPES_H
#define _SKERRY_BITS_ALLTYPES_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define __BYTE_ORDER 1234
#define __LITTLE_ENDIAN 1234
#define __BIG_ENDIAN 4321
#define __LONG_MAX 0x7fffffffffffffffL

typedef ptrdiff_t regoff_t;
typedef unsigned socklen_t;
typedef unsigned short sa_family_t;

#endif

#if defined(__NEED_struct_iovec) && !defined(_SKERRY_BITS_IOVEC)
#define _SKERRY_BITS_IOVEC
#include <sys/uio.h>
#endif
