// Blocks of metadata: out of the wrappings that formats give them, and made fit for a cut-out.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cli/picture_io.h"
#include "cli/pictures/bytes.h"

namespace decal::cli {

// The IPTC record of Photoshop's image resources (resource 0x0404). Empty where there is none.
std::vector<std::byte> IptcOfResources(ByteSpan resources);

// The same the other way round: image resources that hold `iptc` alone.
std::vector<std::byte> ResourcesOfIptc(ByteSpan iptc);

// Metadata of the TIFF directory at `directory`, and where it has none, of the file's first: XMP (tag 700), IPTC (33723, or among
// Photoshop's resources), and an EXIF block made of what describes the picture, its Exif and its GPS directory. Maker notes stay
// behind: they count offsets from the start of the old file, and values of EXIF beyond 1 MiB.
Metadata TiffMetadata(ByteSpan file, uint64_t directory);

// What may go into a cut-out: orientation 1, no thumbnails, which show what the cut-out leaves away. Damaged EXIF is left away.
Metadata MetadataToKeep(Metadata metadata);

// A sentence for each block that `format` cannot hold.
std::vector<std::string> MetadataLeftOut(const Metadata& metadata, PictureFormat format);

}  // namespace decal::cli
