// The default model's file as it is, in read-only data. The assembler copies it in no time, where a C array
// of millions of numbers would take a compiler seconds and gigabytes.
// SPDX-License-Identifier: MIT
        .section .rodata
        .balign 64
        .globl decal_default_model_begin
        .hidden decal_default_model_begin
decal_default_model_begin:
        .incbin DECAL_DEFAULT_MODEL
        .globl decal_default_model_end
        .hidden decal_default_model_end
decal_default_model_end:
        .section .note.GNU-stack, "", %progbits
