// Options of batches and of the server, in CLI11.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
#include "cli/scale_options.h"

#include <CLI/CLI.hpp>

#include "border/rules.h"
#include "cli/cut_options.h"

namespace decal::cli {

void AddBatchOptions(CLI::App& app, BatchOptions& options, std::string& on_error) {
  app.add_option("--from", options.from, "Folder with all below it, list of pictures, or - for such a list")
      ->required()
      ->type_name("LIST");
  app.add_option("--to", options.to, "Folder of the results")->required()->type_name("FOLDER");
  app.add_option("--base", options.base, "Results keep the paths of a list relative to it (default: here)")
      ->type_name("FOLDER");
  app.add_option("--journal", options.journal, "Folder of the journal (default: .decal in --to)")->type_name("FOLDER");
  app.add_option("--shard", options.shard, "One part of n, from 0 (default: as Slurm, Kubernetes or AWS Batch say)")
      ->type_name("I/N");
  app.add_option("--workers", options.workers, "Processes (default: one for each four cores)")
      ->check(Obeys(rules::kCommandThreads))
      ->type_name("N");
  app.add_flag("--retry-failed", options.retry_failed, "Try pictures again that failed for what they are");
  app.add_option("--on-error", on_error, "continue, or stop at the first failure (default: continue)")
      ->check(CLI::IsMember({"continue", "stop"}))
      ->type_name("WHAT");
  app.add_flag("--fsync", options.sync, "Force each result and its line to the disk");
  app.add_flag("--fail-if-empty", options.fail_if_empty, "Exit with 3 where no subject is found");
  app.add_flag("--json", options.json, "The journal's lines on standard output too, and a summary");
  app.add_flag("-q,--quiet", options.quiet, "Print errors and the summary only");
}

void AddServeOptions(CLI::App& app, ServeOptions& options) {
  app.add_option("--host", options.host, "Address to listen on (default: 127.0.0.1, this machine alone)")
      ->type_name("HOST");
  app.add_option("--port", options.port, "0 chooses a free one (default: 7000)")
      ->check(CLI::Range(0, 65535))
      ->type_name("N");
  app.add_option("--with-model", options.more_models,
                 "Another model that requests may name; may be given several times")
      ->type_name("MODEL")
      ->expected(1)
      ->take_all();
  app.add_option("--workers", options.workers, "Pictures computed at the same time (default: one for each four cores)")
      ->check(Obeys(rules::kCommandThreads))
      ->type_name("N");
  app.add_option("--queue", options.queue, "Requests that may wait; more are answered 503 (default: 16)")
      ->check(CLI::Range(0, 10000))
      ->type_name("N");
  app.add_option("--connections", options.connections, "Open connections; more are answered 503 (default: 256)")
      ->check(CLI::Range(1, 10000))
      ->type_name("N");
  app.add_option("--max-upload", options.max_upload, "Limit of a request's picture, as 32M (default: 32 MiB)")
      ->transform(CLI::AsSizeValue(true))
      ->type_name("SIZE");
  app.add_option("--max-pixels", options.max_pixels, "Pixels of a picture, refused by its header (default: 64000000)")
      ->check(CLI::Range(int64_t{1}, int64_t{1} << 28))
      ->type_name("N");
  app.add_option("--timeout", options.timeout, "Seconds for a request, sending and receiving included (default: 60)")
      ->check(CLI::Range(1, 86400))
      ->type_name("S");
  app.add_option("--idle-timeout", options.idle_timeout, "Seconds for a connection without a request (default: 5)")
      ->check(CLI::Range(1, 3600))
      ->type_name("S");
  app.add_option("--grace", options.grace, "Seconds to finish what runs after SIGTERM (default: 25)")
      ->check(CLI::Range(0, 86400))
      ->type_name("S");
  app.add_option("--token-file", options.token_file,
                 "Requests need the bearer token in that file (or in DECAL_SERVE_TOKEN)")
      ->type_name("PATH");
  app.add_option("--allow-url-host", options.url_hosts, "Host from which GET /api/remove?url= may fetch; several times")
      ->type_name("HOST[:PORT]")
      ->expected(1)
      ->take_all();
  app.add_flag("--allow-private-urls", options.private_urls, "These hosts may be in private networks");
  app.add_flag("--json", options.json, "A line of JSON a request, instead of text");
  app.add_flag("-q,--quiet", options.quiet, "No line a request");
}

}  // namespace decal::cli
