; Where a process starts: by its first run upcall, so in disabled mode, on the
; first thread's stack.

bits 64

global _start
extern libos_start

section .text
_start:
	xor ebp, ebp
	and rsp, -16
	call libos_start
	ud2

section .note.GNU-stack noalloc noexec nowrite progbits
