// date_time: external text or Unix time ↔ ISO-8601 in UTC with milliseconds. date: external day ↔ YYYY-MM-DD.
#include <core/transform.hpp>

#include <core/transform_time_format.hpp>
#include <core/transform_zone.hpp>

#include <fmt/format.h>

#include <optional>

namespace castiel_sync {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr const char* ambiguous_format = "can't be written in the format of the mapping so that it reads as the same";

LocalTime as_utc_reading(Timestamp time) { return LocalTime(time.time_since_epoch()); }

Result<json::value> to_shard_text(Timestamp time) {
    if (!is_writable_year(as_utc_reading(time))) return unfit("is outside of the years 1 to 9999");
    return json::value(to_string(time));
}

// The shard's own form. Other spellings of the same moment are read too.
Result<Timestamp> read_shard_time(const json::value& value) {
    const auto* text = value.if_string();
    if (text == nullptr) return wrong_kind("text", value);
    const auto reading = read_iso_time(*text);
    if (!reading || !reading->offset)
        return unfit("is not an ISO-8601 time with its zone, such as 2026-01-31T09:00:00.000Z");
    return Timestamp(reading->local.time_since_epoch() - *reading->offset);
}

class DateTime : public Transform {
public:
    DateTime(std::optional<TimeFormat> format, std::optional<TimeZone> zone, json::object options)
        : Transform({.options = std::move(options)}), format_(std::move(format)), zone_(std::move(zone)) {}

protected:
    [[nodiscard]] Result<json::value> forward(const json::value& value) const override {
        const auto* text = value.if_string();
        if (text == nullptr) return wrong_kind("text", value);
        const auto reading = format_ ? format_->read(*text) : read_iso_time(*text);
        if (!reading) return unfit(format_ ? "is no time in the format of the mapping" : "is not an ISO-8601 time");
        auto time = to_time(*reading);
        if (!time) return time.error();
        return to_shard_text(*time);
    }

    [[nodiscard]] Result<json::value> backward(const json::value& value) const override {
        const auto time = read_shard_time(value);
        if (!time) return time.error();
        auto text = write(*time);
        if (!text) return text.error();
        return json::value(std::move(*text));
    }

private:
    Result<Timestamp> to_time(const ClockReading& reading) const {
        if (reading.offset) return Timestamp(reading.local.time_since_epoch() - *reading.offset);
        if (zone_) return zone_->to_time(reading.local);
        return unfit("has no zone; write the time with its offset, or give the transform a zone");
    }

    Result<std::string> write(Timestamp time) const {
        if (!is_writable_year(as_utc_reading(time))) return unfit("is outside of the years 1 to 9999");
        if (!format_ && !zone_) return to_string(time);
        const Result<TimeZone::Offset> known =
            zone_ ? zone_->offset_at(time) : Result<TimeZone::Offset>(TimeZone::Offset());
        const bool whole = known && known->from_utc % minutes(1) == seconds(0);
        // Without a format the text may say any offset; UTC is right where the zone's can't be told or written.
        if (!format_ && !whole) return to_string(time);
        if (!known) return known.error();
        const LocalTime local(time.time_since_epoch() + known->from_utc);
        if (!is_writable_year(local)) return unfit("is outside of the years 1 to 9999");
        const auto offset = std::chrono::floor<minutes>(known->from_utc);
        if (!format_) return write_iso_time(local, offset);
        if (format_->has_offset() && !whole) return unfit("is a time whose offset from UTC has seconds");
        const LocalTime shown = local - remainder(local);
        // A reading that comes twice can't be written without its offset: it would be read as another time, or not.
        if (!format_->has_offset() && !known->steady)
            if (auto back = zone_->to_time(shown); !back) return back.error();
        std::string text = format_->write(local, offset);
        if (format_->certain()) return text;
        const auto back = format_->read(text);
        if (!back || back->local != shown) return unfit(ambiguous_format);
        return text;
    }

    [[nodiscard]] milliseconds remainder(LocalTime local) const {
        const auto rest = local.time_since_epoch() % format_->grain();
        return rest < milliseconds(0) ? rest + format_->grain() : rest;
    }

    std::optional<TimeFormat> format_;
    std::optional<TimeZone> zone_;
};

// Seconds or milliseconds since 1970 in UTC, as a whole number.
class UnixTime : public Transform {
public:
    UnixTime(milliseconds unit, json::object options)
        : Transform({.input = Kind::number, .options = std::move(options)}), unit_(unit) {}

protected:
    [[nodiscard]] Result<json::value> forward(const json::value& value) const override {
        if (!value.is_number()) return wrong_kind("a number", value);
        constexpr std::int64_t beyond = 1'000'000'000'000'000; // past the year 9999 in either unit
        boost::system::error_code refused;
        const auto count = value.to_number<std::int64_t>(refused);
        if (refused || count > beyond || count < -beyond) return unfit("is not a whole number of Unix time");
        return to_shard_text(Timestamp(count * unit_));
    }

    [[nodiscard]] Result<json::value> backward(const json::value& value) const override {
        const auto time = read_shard_time(value);
        if (!time) return time.error();
        const auto since = time->time_since_epoch();
        const auto rest = (since % unit_ + unit_) % unit_;
        return json::value((since - rest) / unit_);
    }

private:
    milliseconds unit_;
};

class Day : public Transform {
public:
    Day(TimeFormat format, json::object options)
        : Transform({.options = std::move(options)}), format_(std::move(format)) {}

protected:
    [[nodiscard]] Result<json::value> forward(const json::value& value) const override {
        const auto* text = value.if_string();
        if (text == nullptr) return wrong_kind("text", value);
        const auto reading = format_.read(*text);
        if (!reading) return unfit("is no day in the format of the mapping");
        return json::value(write_iso_day(std::chrono::floor<std::chrono::days>(reading->local)));
    }

    [[nodiscard]] Result<json::value> backward(const json::value& value) const override {
        const auto* text = value.if_string();
        if (text == nullptr) return wrong_kind("text", value);
        const auto day = read_iso_day(*text);
        if (!day) return unfit("is not a day such as 2026-01-31");
        std::string written = format_.write(*day, minutes(0));
        if (format_.certain()) return json::value(std::move(written));
        const auto back = format_.read(written);
        if (!back || back->local != *day) return unfit(ambiguous_format);
        return json::value(std::move(written));
    }

private:
    TimeFormat format_;
};

std::optional<TimeFormat> read_format(ObjectReader& options, const std::string& text) {
    auto format = TimeFormat::parse(text);
    if (format) return std::move(*format);
    options.fault("format", format.error().message);
    return std::nullopt;
}

TransformPointer make_date_time(ObjectReader& options) {
    const auto format_text = options.text("format");
    const auto zone_name = options.text("zone");
    json::object canonical{{"format", format_text ? json::value(*format_text) : json::value(nullptr)},
                           {"zone", zone_name ? json::value(*zone_name) : json::value(nullptr)}};
    if (format_text == "unix" || format_text == "unix_ms") {
        if (zone_name) options.fault("zone", "Unix time is counted in UTC; remove the zone");
        return std::make_shared<UnixTime>(milliseconds(format_text == "unix" ? 1000 : 1), std::move(canonical));
    }
    std::optional<TimeZone> zone;
    if (zone_name) {
        auto found = TimeZone::find(*zone_name);
        if (found)
            zone = std::move(*found);
        else
            options.fault("zone", found.error().message);
    }
    std::optional<TimeFormat> format;
    if (format_text) {
        format = read_format(options, *format_text);
        if (format && !format->has_time())
            options.fault("format", "has no time of day; use the transform 'date' for plain days");
        else if (format && !format->has_offset() && !zone_name)
            options.fault("zone", "is missing: a format without %z does not say which zone its times are in");
    }
    return std::make_shared<DateTime>(std::move(format), std::move(zone), std::move(canonical));
}

TransformPointer make_date(ObjectReader& options) {
    const std::string text = options.text("format").value_or("%Y-%m-%d");
    auto format = read_format(options, text);
    if (!format) return nullptr;
    if (format->has_time())
        options.fault("format", "has a time of day; use the transform 'date_time', or write the time as plain text "
                                "if it is always the same");
    return std::make_shared<Day>(std::move(*format), json::object({{"format", text}}));
}

} // namespace

const std::vector<NamedTransform>& time_transforms() {
    static const std::vector<NamedTransform> transforms{{"date_time", &make_date_time}, {"date", &make_date}};
    return transforms;
}

} // namespace castiel_sync
