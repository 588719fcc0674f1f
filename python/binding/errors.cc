// The translator from C++ exceptions to decal.Error.
// SPDX-License-Identifier: MIT
#include "binding/errors.h"

#include <nanobind/nanobind.h>
#include <nanobind/stl/string.h>

namespace nb = nanobind;

namespace decal::python {

void Throw(Error error, const std::string& where) {
  if (!where.empty() && error.where.empty()) {
    error.where = where;
  } else if (!where.empty() && !error.where.starts_with(where)) {
    error.where = where + ": " + error.where;
  }
  throw ErrorException(std::move(error));
}

void RegisterErrors() {
  nb::register_exception_translator([](const std::exception_ptr& pointer, void*) {
    try {
      std::rethrow_exception(pointer);
    } catch (const ErrorException& exception) {
      const Error& error = exception.error();
      const nb::object type = nb::module_::import_("decal._errors").attr("Error");
      const nb::object value = type(ErrorCodeName(error.code), error.message, error.where);
      PyErr_SetObject(type.ptr(), value.ptr());
    }
  });
}

}  // namespace decal::python
