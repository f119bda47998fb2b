/*
 * What newlib asks of a system: errno and the standard streams are a thread's own
 * (__getreent), and read and write count in _ssize_t.
 */
#ifndef _SKERRY_SYS_CONFIG_H
#define _SKERRY_SYS_CONFIG_H

#define __DYNAMIC_REENT__
#define _READ_WRITE_RETURN_TYPE _ssize_t
#define _READ_WRITE_BUFSIZE_TYPE __SIZE_TYPE__

#include_next <sys/config.h>

#endif
