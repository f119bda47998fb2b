/*
 * Widths of the types that newlib leaves to the machine.
 *
 * Found before newlib's own file of this name, by newlib's build and by programs
 * alike, so that both agree. newlib's defaults are 16 bits for most of these.
 */
#ifndef _MACHINE__TYPES_H
#define _MACHINE__TYPES_H

#include <machine/_default_types.h>

typedef unsigned long __dev_t;
#define __machine_dev_t_defined

typedef unsigned long __ino_t;
#define __machine_ino_t_defined

typedef unsigned int __uid_t;
#define __machine_uid_t_defined

typedef unsigned int __gid_t;
#define __machine_gid_t_defined

#ifndef FD_SETSIZE
#define FD_SETSIZE 1024
#endif

#endif
