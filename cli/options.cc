// The command line's grammar, in CLI11; its exceptions end here.
// SPDX-License-Identifier: MIT
#include "cli/options.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "border/rules.h"
#include "cli/cut_options.h"
#include "cli/scale_options.h"
#include "cli/video_options.h"
#include "decal/version.h"

namespace decal::cli {
namespace {

constexpr const char* kExamples = R"(Examples:
  decal photo.jpg                          writes photo.decal.png beside it
  decal *.jpg holiday/ -o cutouts          several pictures and folders into one folder
  decal photo.jpg --background '#ffffff' --format jpeg
  decal photo.jpg --mask -o matte.png      the matte alone, as a grey picture
  decal - < photo.jpg > cutout.png         standard input and output
  decal batch --from photos/ --to cutouts/ many pictures, with a journal: decal batch --help
  decal serve                              answers http://127.0.0.1:7000/: decal serve --help
  decal video clip.mp4 -o clip.webm        a video, with transparency: decal video --help
  decal photo.jpg --model modnet --model-file modnet.onnx
  decal photo.jpg --model own.onnx --mean 0.5,0.5,0.5 --activation sigmoid
A picture named like a subcommand is reached as ./run.
Exit status: 0 all done, 1 something failed (the rest is done), 2 wrong usage,
3 no subject found in some picture (--fail-if-empty).)";

std::unexpected<Error> UsageError(std::string message) {
  for (char& c : message) {
    if (c == '\n') c = ' ';
  }
  return Fail(ErrorCode::kInvalidArgument, std::move(message));
}

}  // namespace

Result<Command> ParseCommandLine(int argc, const char* const* argv) {
  CLI::App app{"Removes the background of pictures, on this machine.", "decal"};
  app.footer(kExamples);
  app.get_formatter()->column_width(28);
  app.set_version_flag("--version", [] { return std::string("decal ") + Version(); }, "Print the version and exit");

  RemoveOptions remove;
  CutTexts texts;
  app.add_option("pictures", remove.inputs,
                 "Pictures, folders (the pictures directly in them) or - for standard input");
  app.add_option("-o,--output", remove.output, "File for one picture, folder for several, - for standard output")
      ->type_name("PATH");
  AddCutOptions(app, texts, remove);
  app.add_flag("--keep-tree", remove.keep_tree, "Search folders recursively, and keep their tree in the output");
  app.add_flag("--fail-if-empty", remove.fail_if_empty, "Exit with code 3 if no subject is found");
  AddThreads(app, remove.threads);
  app.add_flag("--json", remove.json, "Print one line of JSON per picture");
  app.add_flag("-q,--quiet", remove.quiet, "Print errors only");

  BatchOptions batch;
  CutTexts batch_texts;
  std::string on_error;
  CLI::App* batch_app =
      app.add_subcommand("batch", "Process a large list or folder of pictures; resumes where it stopped");
  AddBatchOptions(*batch_app, batch, on_error);
  AddCutOptions(*batch_app, batch_texts, batch);
  AddThreads(*batch_app, batch.threads);

  ServeOptions serve;
  CutTexts serve_texts;
  CLI::App* serve_app = app.add_subcommand("serve", "An HTTP server for cut-outs, with rembg's interface too");
  AddServeOptions(*serve_app, serve);
  AddCutOptions(*serve_app, serve_texts, serve);
  AddThreads(*serve_app, serve.threads);

  VideoOptions video;
  VideoTexts video_texts;
  CLI::App* video_app = app.add_subcommand("video", "A video without its background, from a file or raw frames");
  AddVideoOptions(*video_app, video_texts, video);

  ModelsOptions models;
  CLI::App* models_app = app.add_subcommand("models", "List the models known by name");
  models_app->add_flag("--json", models.json, "Print one line of JSON per model");

  InspectOptions inspect;
  CLI::App* inspect_app =
      app.add_subcommand("inspect", "Show a model's inputs, schedule, memory plan and where its time goes");
  inspect_app->add_option("model", inspect.model.model, "Path of an .onnx file, or a name")->required();
  inspect_app->add_option("--height", inspect.height, "Height in pixels, for models of dynamic size")
      ->check(Obeys(rules::kCommandHeight));
  inspect_app->add_option("--width", inspect.width, "Width in pixels, for models of dynamic size")
      ->check(Obeys(rules::kCommandWidth));
  AddModelOptions(*inspect_app, inspect.model);
  AddThreads(*inspect_app, inspect.threads);
  inspect_app->add_flag("--graph", inspect.graph, "Print the optimised graph instead of the schedule");
  inspect_app->add_option("--after", inspect.after, "Print the graph as it is after this pass")->type_name("PASS");
  CLI::Option* profile = inspect_app->add_flag(
      "--profile", inspect.profile, "Run the model and print the time of every layer, and totals by algorithm");
  inspect_app->add_option("--repeat", inspect.repeat, "Runs to time, after one to warm up (default: 5)")
      ->check(Obeys(rules::kCommandRepeat))
      ->needs(profile);
  inspect_app->add_flag("--choices", inspect.choices,
                        "Print the algorithms compared for each layer, with the cost model's estimates");
  inspect_app->add_flag("--json", inspect.json, "Print everything as one JSON object");
  CLI::Option* gpu = inspect_app->add_flag("--gpu", inspect.gpu,
                                           "Print the WebGPU plan instead, for a device with WebGPU's default limits");
  CLI::Option* half = inspect_app->add_flag("--gpu-half", inspect.gpu_half, "Plan for float16 storage")->needs(gpu);
  inspect_app
      ->add_option("--gpu-half-from", inspect.gpu_half_from,
                   "Bytes, as float32, from which activations are stored as float16 (default: 64 MiB)")
      ->needs(half)
      ->type_name("N");
  inspect_app
      ->add_option("--gpu-save", inspect.gpu_save, "Write plan.json, weights.bin and uniforms.bin to this folder")
      ->needs(gpu)
      ->type_name("FOLDER");

  RunOptions run;
  CLI::App* run_app = app.add_subcommand("run", "Run a model on a raw float32 tensor (.npy) and print timings as JSON");
  run_app->add_option("model", run.model.model, "Path of an .onnx file, or a name")->required();
  run_app->add_option("--input", run.input, "The model's first input, float32 .npy")->required()->type_name("X.npy");
  run_app->add_option("--output", run.output, "File for the model's first output, float32 .npy")
      ->required()
      ->type_name("Y.npy");
  run_app->add_option("--repeat", run.repeat, "Runs to time (default: 1)")->check(Obeys(rules::kCommandRepeat));
  run_app->add_option("--warm-up", run.warm_up, "Runs to warm up before those (default: 0)")
      ->check(Obeys(rules::kCommandWarmUp));
  run_app->add_flag("--profile", run.profile, "Print the time of every layer on standard error");
  AddModelOptions(*run_app, run.model);
  AddThreads(*run_app, run.threads);
  app.require_subcommand(0, 1);

  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForVersion& version) {
    return PrintOptions{std::string(version.what()) + "\n"};
  } catch (const CLI::CallForHelp&) {
    const auto chosen = app.get_subcommands();
    return PrintOptions{chosen.empty() ? app.help() : chosen.front()->help("decal")};
  } catch (const CLI::ParseError& error) {
    return UsageError(error.what());
  }

  const bool has_subcommand = !app.get_subcommands().empty();
  if (has_subcommand && !remove.inputs.empty()) {
    return UsageError(fmt::format("'{0}' is a subcommand: a picture of that name is ./{0}",
                                  app.get_subcommands().front()->get_name()));
  }
  if (*batch_app) {
    if (const Status read = ReadCutTexts(batch_texts, batch); !read) return UsageError(read.error().message);
    batch.stop_on_error = on_error == "stop";
    return batch;
  }
  if (*serve_app) {
    if (const Status read = ReadCutTexts(serve_texts, serve); !read) return UsageError(read.error().message);
    return serve;
  }
  if (*video_app) {
    if (const Status read = ReadVideoTexts(video_texts, video); !read) return UsageError(read.error().message);
    return video;
  }
  if (*models_app) return models;
  if (*inspect_app) {
    if ((inspect.height == 0) != (inspect.width == 0)) return UsageError("--height and --width go together");
    inspect.graph = inspect.graph || !inspect.after.empty();
    if (inspect.graph && (inspect.profile || inspect.choices || inspect.json)) {
      return UsageError("--graph and --after print text alone: no --profile, no --choices, no --json");
    }
    if (inspect.gpu && (inspect.graph || inspect.profile)) {
      return UsageError("--gpu prints the plan alone: no --graph, no --profile");
    }
    return inspect;
  }
  if (*run_app) return run;

  if (remove.inputs.empty()) return UsageError("no pictures given");
  if (const Status read = ReadCutTexts(texts, remove); !read) return std::unexpected(read.error());
  return remove;
}

}  // namespace decal::cli
