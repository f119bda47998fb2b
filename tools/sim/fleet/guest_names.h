/*
 * What programs call by their C library's names: the loader binds NAME to guest_NAME, if there is one.
 */
#pragma once

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <time.h>

void *guest_malloc(size_t bytes);
void guest_free(void *memory);
void *guest_calloc(size_t n, size_t bytes);
void *guest_realloc(void *old, size_t bytes);
void *guest_aligned_alloc(size_t alignment, size_t bytes);
char *guest_strdup(const char *text);
char *guest_strndup(const char *text, size_t most);

int guest_clock_gettime(clockid_t clock, struct timespec *now);

int guest_printf(const char *format, ...) __attribute__((format(printf, 1, 2)));
int guest_fprintf(FILE *to, const char *format, ...) __attribute__((format(printf, 2, 3)));
int guest_vprintf(const char *format, va_list list);
int guest_vfprintf(FILE *to, const char *format, va_list list);
int guest_puts(const char *text);
int guest_putchar(int c);
int guest_fputs(const char *text, FILE *to);
int guest_fputc(int c, FILE *to);
size_t guest_fwrite(const void *bytes, size_t size, size_t n, FILE *to);
int guest_fflush(FILE *to);
void guest_exit(int status) __attribute__((noreturn));
void guest_abort(void) __attribute__((noreturn));
void guest___assert_fail(const char *what, const char *file, unsigned line, const char *function)
	__attribute__((noreturn));
