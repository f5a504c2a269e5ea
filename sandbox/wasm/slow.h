// SPDX-License-Identifier: Apache-2.0
//
// The out-of-line operations: functions with the state of a handler, reached by SLOW. Included by
// handler.h, which has the macros. They go on through run_resume, a handler, which looks for an
// interruption that met them: one that comes after its look meets a handler.
#pragma once

// Ends a slow function: the cell at pc is done.
#define SLOW_NEXT(length_)                                                                         \
    do {                                                                                           \
        pc += (length_);                                                                           \
        CONTINUE_WITH(run_resume);                                                                 \
    } while (0)

// run.c. r0 is the trap's code, pc the cell that trapped.
HANDLER_PROTOTYPE(slow_trap);
HANDLER_PROTOTYPE(slow_link);
HANDLER_PROTOTYPE(slow_zero_many);

// run_call.c. r0 is the struct function, pc the call's cell.
HANDLER_PROTOTYPE(slow_call_function);
HANDLER_PROTOTYPE(slow_call_host);
HANDLER_PROTOTYPE(slow_call_indirect);
HANDLER_PROTOTYPE(slow_return_call_function);
HANDLER_PROTOTYPE(slow_return_call_host);
HANDLER_PROTOTYPE(slow_return_call_indirect);
HANDLER_PROTOTYPE(slow_return_across);
HANDLER_PROTOTYPE(slow_ref_func);

// run_exception.c
HANDLER_PROTOTYPE(slow_throw);
HANDLER_PROTOTYPE(slow_throw_ref);

// run_memory.c
HANDLER_PROTOTYPE(slow_memory_grow);
HANDLER_PROTOTYPE(slow_memory_fill);
HANDLER_PROTOTYPE(slow_memory_copy);
HANDLER_PROTOTYPE(slow_memory_init);
HANDLER_PROTOTYPE(slow_data_drop);

// run_atomic.c
HANDLER_PROTOTYPE(slow_atomic);

// run_table.c
HANDLER_PROTOTYPE(slow_table_get);
HANDLER_PROTOTYPE(slow_table_set);
HANDLER_PROTOTYPE(slow_table_grow);
HANDLER_PROTOTYPE(slow_table_fill);
HANDLER_PROTOTYPE(slow_table_copy);
HANDLER_PROTOTYPE(slow_table_init);
HANDLER_PROTOTYPE(slow_elem_drop);

// run.c: handlers of cells that no translation emits.
HANDLER_PROTOTYPE(run_resume);        // behind every slow function, and at the start of a run
HANDLER_PROTOTYPE(run_link);          // first cell of a function that is not linked
HANDLER_PROTOTYPE(run_halt);          // return pc of an outermost frame
HANDLER_PROTOTYPE(run_return_across); // return pc of a call into another instance
