cimport cython

from pynector._speedups.call cimport Call
from pynector._speedups.dispatcher cimport Dispatcher, Slot
from pynector._speedups.ruled cimport RuledDispatcher


@cython.locals(one=Slot, call=Call)
cpdef object hand_over(Dispatcher earlier, RuledDispatcher heir)
