/*
 * newlib's scalar types, with a link count of more than 16 bits.
 *
 * Unlike those in machine/_types.h it cannot be set there.
 */
#ifndef _SKERRY_SYS__TYPES_H
#define _SKERRY_SYS__TYPES_H

#define __nlink_t __narrow_nlink_t
#include_next <sys/_types.h>
#undef __nlink_t

typedef unsigned long __nlink_t;

#endif
