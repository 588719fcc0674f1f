// The embedded models' files as they are, in read-only data. The assembler copies them in no time, where a C array
// of millions of numbers would take a compiler seconds and gigabytes.
// SPDX-License-Identifier: MIT
        .macro model name, file
        .balign 64
        .globl decal_\name\()_model_begin
        .hidden decal_\name\()_model_begin
decal_\name\()_model_begin:
        .incbin "\file"
        .globl decal_\name\()_model_end
        .hidden decal_\name\()_model_end
decal_\name\()_model_end:
        .endm

        .section .rodata
        model default, DECAL_DEFAULT_MODEL
        model people_live, DECAL_PEOPLE_LIVE_MODEL
        .section .note.GNU-stack, "", %progbits
