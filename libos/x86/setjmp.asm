; _setjmp and _longjmp: newlib declares them, and its setjmp is what they are, for it leaves the signal mask alone.
bits 64

extern setjmp
extern longjmp

section .text._setjmp progbits alloc exec nowrite align=16
global _setjmp:function
_setjmp:
	jmp setjmp

section .text._longjmp progbits alloc exec nowrite align=16
global _longjmp:function
_longjmp:
	jmp longjmp

section .note.GNU-stack noalloc noexec nowrite progbits
