#include "log.hpp"

#include "text.hpp"

#include <castiel_sync/time.hpp>

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <chrono>
#include <memory>

namespace castiel_sync::service {
namespace {

LogFormat format = LogFormat::human;

spdlog::level::level_enum level_of(LogLevel level) {
    switch (level) {
    case LogLevel::debug:
        return spdlog::level::debug;
    case LogLevel::info:
        return spdlog::level::info;
    case LogLevel::warning:
        return spdlog::level::warn;
    case LogLevel::error:
        return spdlog::level::err;
    }
    return spdlog::level::err;
}

std::string_view word(LogLevel level) {
    switch (level) {
    case LogLevel::debug:
        return "debug";
    case LogLevel::info:
        return "info";
    case LogLevel::warning:
        return "warning";
    case LogLevel::error:
        return "error";
    }
    return "error";
}

std::string json_line(LogLevel level, std::string_view message, const json::object& fields) {
    const auto now = std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now());
    json::object line;
    line["timestamp"] = to_string(now);
    line["level"] = word(level);
    line["service"] = "castiel-sync";
    line["message"] = message;
    for (const auto& field : fields)
        if (!line.contains(field.key())) line[field.key()] = field.value();
    return to_json(line);
}

std::string human_line(LogLevel level, std::string_view message, const json::object& fields) {
    std::string line;
    if (level != LogLevel::info) line.append(word(level)).append(": ");
    line += printable(message);
    // A person reads the message; it names its place. The fields are for whoever looks closer.
    if (spdlog::default_logger_raw()->level() <= spdlog::level::info && !fields.empty())
        line.append("  ").append(printable(to_json(fields)));
    return line;
}

} // namespace

void start_log(LogFormat chosen, LogLevel least) {
    format = chosen;
    auto logger = std::make_shared<spdlog::logger>("castiel-sync", std::make_shared<spdlog::sinks::stderr_sink_mt>());
    logger->set_pattern("%v");
    logger->set_level(level_of(least));
    logger->flush_on(spdlog::level::debug);
    spdlog::set_default_logger(std::move(logger));
}

bool would_log(LogLevel level) { return spdlog::should_log(level_of(level)); }

void set_log_level(LogLevel least) { spdlog::default_logger_raw()->set_level(level_of(least)); }

void log(LogLevel level, std::string_view message, const json::object& fields) {
    if (!spdlog::should_log(level_of(level))) return;
    const std::string line =
        format == LogFormat::json ? json_line(level, message, fields) : human_line(level, message, fields);
    spdlog::default_logger_raw()->log(level_of(level), spdlog::string_view_t(line.data(), line.size()));
}

} // namespace castiel_sync::service
