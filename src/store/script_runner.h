// A blocking connection that runs scripts under the migration lock. Internal to the migrations.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "store/url.h"

namespace fairlead::store {

class ScriptRunner {
 public:
  virtual ~ScriptRunner() = default;
  // The rows' first columns, as text.
  virtual Result<std::vector<std::string>> column(const std::string& sql) = 0;
  virtual Result<> execute(const std::string& script) = 0;
  // Starts a transaction that no other migration runs beside.
  virtual Result<> begin_locked() = 0;
  virtual Result<bool> has_table(const std::string& name) = 0;
};

// With `create` an SQLite file that is missing is made; without, it is kNotFound.
Result<std::unique_ptr<ScriptRunner>> open_script_runner(const DatabaseUrl& url, bool create);

}  // namespace fairlead::store
